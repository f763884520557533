"""The estate on one page of HTML that needs nothing else. Pure: no I/O but reading the template."""

from libcloud_ovm3.report.page import Report, render

__all__ = ["Report", "render"]
