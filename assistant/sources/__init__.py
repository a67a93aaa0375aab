"""Bytes and addresses become articles."""
