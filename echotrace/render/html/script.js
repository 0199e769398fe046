(() => {
  "use strict";
  const root = document.documentElement;
  const byId = (id) => document.getElementById(id);

  const theme = byId("theme");
  const isDark = () => {
    const chosen = root.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const nameTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    nameTheme();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", nameTheme);
  nameTheme();

  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details")) each.open = true;
  });

  const timeline = byId("lanes");
  const place = byId("place");
  if (!timeline && !place) return;
  const sound = byId("sound");
  const play = byId("play");
  const head = byId("playhead");
  const scroller = byId("lane-scroll");
  const first = timeline ? Number(timeline.dataset.first) : 0;
  const last = timeline ? Number(timeline.dataset.last) : Infinity;
  const soundStart = sound ? Number(sound.dataset.start) : 0;
  const rows = [...document.querySelectorAll("tr[data-until]")].map((row) => ({
    row, at: Number(row.dataset.at), until: Number(row.dataset.until),
  }));
  let now = first;

  const stamp = (seconds) => {
    const tenths = Math.round(seconds * 10);
    const rest = tenths % 600;
    const minutes = Math.floor(tenths / 600);
    const tail = String(Math.floor(rest / 10)).padStart(2, "0") + "." + (rest % 10);
    if (minutes < 60) return minutes + ":" + tail;
    return Math.floor(minutes / 60) + ":" + String(minutes % 60).padStart(2, "0") + ":" + tail;
  };

  const show = (at) => {
    now = Math.max(first, Math.min(last, at));
    if (place) place.textContent = stamp(now);
    if (timeline) {
      const share = (100 * (now - first)) / (last - first) + "%";
      head.setAttribute("x1", share);
      head.setAttribute("x2", share);
      timeline.setAttribute("aria-valuenow", now.toFixed(3));
      timeline.setAttribute("aria-valuetext", stamp(now));
    }
    for (const { row, at: begin, until } of rows) {
      if (now >= begin && now < until) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  };

  const reveal = () => {
    if (!timeline || scroller.scrollWidth <= scroller.clientWidth) return;
    const x = ((now - first) / (last - first)) * scroller.scrollWidth;
    if (x < scroller.scrollLeft || x > scroller.scrollLeft + scroller.clientWidth) {
      scroller.scrollLeft = x - scroller.clientWidth / 3;
    }
  };

  const seek = (at, heard) => {
    show(at);
    reveal();
    if (!sound) return;
    sound.currentTime = Math.max(0, now - soundStart);
    if (heard) sound.play().catch(() => {});
  };

  if (sound) {
    const follow = () => {
      if (sound.paused) return;
      show(soundStart + sound.currentTime);
      reveal();
      requestAnimationFrame(follow);
    };
    sound.addEventListener("play", () => { play.textContent = "Pause"; follow(); });
    sound.addEventListener("pause", () => { play.textContent = "Play"; });
    play.addEventListener("click", () => {
      if (sound.paused) seek(now, true);
      else sound.pause();
    });
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-at]");
    if (target) {
      if (!getSelection().isCollapsed && !event.target.closest("button")) return;
      seek(Number(target.dataset.at), true);
      return;
    }
    if (timeline && timeline.contains(event.target)) {
      const box = timeline.getBoundingClientRect();
      seek(first + ((event.clientX - box.left) / box.width) * (last - first), true);
    }
  });

  if (timeline) {
    timeline.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 5 : 0.5;
      const moves = {
        ArrowLeft: now - step, ArrowRight: now + step, Home: first, End: last,
        ArrowDown: now - step, ArrowUp: now + step,
      };
      if (event.key in moves) seek(moves[event.key], false);
      else if (event.key === " " && play) play.click();
      else return;
      event.preventDefault();
    });
    let zoom = 1;
    const zoomTo = (next) => {
      zoom = Math.max(1, Math.min(64, next));
      timeline.setAttribute("width", 100 * zoom + "%");
      const x = ((now - first) / (last - first)) * scroller.scrollWidth;
      scroller.scrollLeft = x - scroller.clientWidth / 3;
    };
    byId("zoom-in").addEventListener("click", () => zoomTo(zoom * 2));
    byId("zoom-out").addEventListener("click", () => zoomTo(zoom / 2));
  }
  show(first);
})();
