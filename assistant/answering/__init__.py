"""Passages become a cited, verified answer."""
