"""Puts the host module into a host's agent over SSH, and takes it out without a trace."""
