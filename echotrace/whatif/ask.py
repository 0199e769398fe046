"""One question to one report: what would the gaps have been, and at what price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from echotrace.config.thresholds import Thresholds
from echotrace.errors import InputError, UsageError
from echotrace.model.measure import Finding, Severity
from echotrace.model.whatif import WhatIf, WhatIfSource
from echotrace.printable import printable
from echotrace.whatif.cases import cases_of
from echotrace.whatif.distribution import gap_change, outcome_of, part_change, target_share
from echotrace.whatif.endpointing import SHORTEST_PAUSE_MS
from echotrace.whatif.frontier import ENDPOINTING, endpointing_price
from echotrace.whatif.replay import Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from echotrace.errors import EchoTraceError
    from echotrace.model.report import Report
    from echotrace.model.whatif import EndpointingPrice, PartChange
    from echotrace.whatif.cases import Cases
    from echotrace.whatif.change import Change
    from echotrace.whatif.distribution import Outcome

__all__ = ["check_targets", "failed_what_if", "what_if"]

_LONGEST_TARGET_MS: Final = 3_600_000.0


def check_targets(targets_ms: Sequence[float]) -> tuple[float, ...]:
    """Return the targets rising, each once; without any those of the bands of the heard gap.

    Raises:
        UsageError: one is not above 0, not finite, or beyond an hour.
    """
    if not targets_ms:
        bands = Thresholds()
        return bands.heard_gap_good_ms, bands.heard_gap_critical_ms
    for target in targets_ms:
        if not 0.0 < target <= _LONGEST_TARGET_MS:  # also refuses NaN
            raise UsageError(
                f"--target-ms is {target:g}",
                why="it is a gap in ms, above 0 and at most an hour",
                hint="--target-ms 800",
                code="BAD_VALUE",
            )
    return tuple(sorted(set(targets_ms)))


def what_if(
    report: Report,
    changes: Sequence[Change],
    *,
    path: str,
    targets_ms: Sequence[float] = (),
) -> WhatIf:
    """Return what the callers of this report would have waited, were its parts as they are asked.

    Args:
        report: one whose pipeline has parts: a trace's turns, or the samples of an estimate.
        changes: as ``read_changes`` gives them.
        path: where the report lies, for the reader.
        targets_ms: gaps to stay within; the bands' own where there are none.

    Raises:
        InputError: the report has no parts, or none that is changed.
        UsageError: a target is impossible.
    """
    targets = check_targets(targets_ms)
    cases = cases_of(report)
    parts = tuple(part_change(change, cases) for change in changes)
    if not any(part.turns for part in parts):
        raise _nothing_to_change(parts, cases)
    by_key = {change.key: change for change in changes}
    waits = tuple(Wait(case, slack_ms=cases.slack_ms) for case in cases.items)
    outcome = outcome_of(cases, waits, by_key)
    price = next(
        (
            endpointing_price(report, waits, by_key, part, outcome)
            for part in parts
            if part.key == ENDPOINTING
        ),
        None,
    )
    return WhatIf(
        source=_source(report, path),
        basis=cases.basis,
        changes=parts,
        gap_ms=gap_change(outcome),
        targets=tuple(target_share(target, outcome) for target in targets),
        endpointing=price,
        turns=outcome.turns(by_key),
        left_out=cases.left_out,
        warnings=tuple(_findings(parts, cases, outcome, price)),
    )


def failed_what_if(error: EchoTraceError) -> WhatIf:
    """Return the document of a question that could not be answered: the error, and no figures."""
    finding = Finding(
        code=error.code,
        severity=Severity.CRITICAL,
        message=f"{error.what}: {error.why}" if error.why else error.what,
        hint=error.hint or None,
    )
    return WhatIf(status="failed", warnings=(finding,))


def _source(report: Report, path: str) -> WhatIfSource:
    return WhatIfSource(
        path=printable(path),
        job_id=report.job_id,
        created_at=report.created_at,
        recording=report.source.path,
        recording_sha256=report.source.sha256,
    )


def _nothing_to_change(parts: Sequence[PartChange], cases: Cases) -> InputError:
    asked = " and ".join(part.key for part in parts)
    there = sorted({key for case in cases.items for key in case.part_keys()} - {"unaccounted"})
    return InputError(
        f"no {cases.one} of the report has {asked}",
        why="a part that was not measured has no time that could be changed",
        hint=f"the report has: {', '.join(there)}",
        code="NO_SUCH_PART",
    )


def _findings(
    parts: Sequence[PartChange], cases: Cases, outcome: Outcome, price: EndpointingPrice | None
) -> Iterator[Finding]:
    """Yield what the reader must know before he believes the figures."""
    total = len(cases.items)
    if cases.basis == "claimed":
        yield _told("CLAIMED_ONLY", "there is no recording: these are the pipeline's own figures")
    if cases.basis == "estimate":
        yield _told(
            "ESTIMATE",
            "the waits are sums of probed parts, one behind the other; a pipeline that overlaps "
            "them waits less, and gains less",
        )
    for part in parts:
        yield from _of_part(part, cases.one, total)
    bounds = sum(result.is_bound for result in outcome.results)
    if bounds:
        yield _told(
            "LOWER_BOUND",
            f"in {bounds:,} of {total:,} {cases.one}s the new gap is a lower bound: the trace does "
            "not tell what ran beside the part that is shortened",
        )
    held = sum(result.held_by is not None for result in outcome.results)
    if held:
        yield _told(
            "HELD_BY_PARALLEL_WORK",
            f"in {held:,} of {total:,} {cases.one}s work that ran beside the shortened part takes "
            "some of the saving back",
            severity=Severity.INFO,
        )
    if price is not None:
        yield from _of_price(price)


def _of_part(part: PartChange, one: str, total: int) -> Iterator[Finding]:
    of = f"of {total:,} {one}s"
    if part.lacking:
        yield _told(
            "PART_LACKING",
            f"no {part.key} in {part.lacking:,} {of}, which stay as they were",
        )
    if part.negative:
        yield _told(
            "PART_NEGATIVE",
            f"{part.key} is below 0 in {part.negative:,} {of} (the work began before the caller "
            "ended), which stay as they were",
        )
    if part.inside:
        yield _told(
            "PART_INSIDE",
            f"{part.key} lies inside another part in {part.inside:,} {of}: the answer waits for "
            "that one anyway, and to shorten this one alone gains nothing there",
            severity=Severity.INFO,
        )


def _of_price(price: EndpointingPrice) -> Iterator[Finding]:
    if price.status == "not_measurable":
        yield _told(
            "NO_PAUSES",
            f"false cut-offs cannot be told: {price.reason}",
            hint="echotrace analyze call.wav --stages signal,turns with caller and agent on "
            "channels of their own",
        )
        return
    yield _told(
        "PAUSES_ONLY",
        "cut-offs are those of silence alone: a turn detector that weighs the words waits longer "
        "in the middle of a sentence, and what a caller would have said after a cut is not known",
        severity=Severity.INFO,
    )
    asked, present = price.asked_ms or 0.0, price.present_ms or 0.0
    if asked < SHORTEST_PAUSE_MS:
        yield _told(
            "SHORT_PAUSES",
            f"pauses under {SHORTEST_PAUSE_MS:.0f} ms are not recorded: for the asked wait the "
            "cut-offs are a lower bound",
        )
    if asked > present:
        yield _told(
            "LONGER_WAIT",
            "pauses at which the agent came in have ended the turn in this recording: what a "
            "longer wait would have saved there is not seen",
            severity=Severity.INFO,
        )


def _told(
    code: str, message: str, *, severity: Severity = Severity.WARNING, hint: str | None = None
) -> Finding:
    return Finding(code=code, severity=severity, message=message, hint=hint)
