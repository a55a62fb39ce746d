"""Simulation engines: one adapter each, behind the contract in ``base``."""
