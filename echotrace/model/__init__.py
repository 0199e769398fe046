"""The Report and its parts: frozen dataclasses with units in their names."""

from echotrace.model.measure import Finding, Measurement, RunStatus, Severity, Status
from echotrace.model.report import SCHEMA, Report

__all__ = ["SCHEMA", "Finding", "Measurement", "Report", "RunStatus", "Severity", "Status"]
