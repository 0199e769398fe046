"""The report as one HTML file that asks nothing of any network."""

from echotrace.render.html.renderer import HtmlRenderer

__all__ = ["HtmlRenderer"]
