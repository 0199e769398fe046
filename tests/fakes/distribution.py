"""A real installed distribution, made on the spot: its metadata, entry points and module."""

from pathlib import Path


def install(folder: Path, name: str, group: str, points: dict[str, str], source: str) -> None:
    """Write ``folder``/NAME.py and the .dist-info that registers ``points`` of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.py").write_text(source, "utf-8")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [f"[echotrace.{group}]", *(f"{key} = {name}:{value}" for key, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
