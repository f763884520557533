"""Settings for hypothesis tests: a machine that does other things as well is no fault of ours."""

from hypothesis import HealthCheck, settings

unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
