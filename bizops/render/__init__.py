"""Turns plans, outcomes, healths and errors into text and JSON; prints nothing and reads no clock."""

from __future__ import annotations

from bizops.render.drift import drift_json, drift_text
from bizops.render.error import error_json, error_text, unread_text
from bizops.render.heading import Heading, Reading
from bizops.render.health import health_json, health_text
from bizops.render.outcome import is_shown, outcome_json, outcome_text, result_json, result_text
from bizops.render.plan import plan_text
from bizops.render.plan_json import plan_json
from bizops.render.sensitive.concealment import veiled, veiled_health, veiled_outcome, words
from bizops.render.sensitive.live_secrets import (
    live_secrets,
    secrets_in_live_names,
    secrets_of_healths,
)
from bizops.render.style import Style, count_text
from bizops.render.tally import Tally, summary_line, tally
from bizops.render.verdict import apply_verdict, drift_verdict, health_verdict, plan_verdict

__all__ = [
    "Heading",
    "Reading",
    "Style",
    "Tally",
    "apply_verdict",
    "count_text",
    "drift_json",
    "drift_text",
    "drift_verdict",
    "error_json",
    "error_text",
    "health_json",
    "health_text",
    "health_verdict",
    "is_shown",
    "live_secrets",
    "outcome_json",
    "outcome_text",
    "plan_json",
    "plan_text",
    "plan_verdict",
    "result_json",
    "result_text",
    "secrets_in_live_names",
    "secrets_of_healths",
    "summary_line",
    "tally",
    "unread_text",
    "veiled",
    "veiled_health",
    "veiled_outcome",
    "words",
]
