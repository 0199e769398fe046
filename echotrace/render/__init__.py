"""Renderers: a Report in, text out; a renderer computes nothing beyond formatting."""
