"""Theories that predict without learning, in the same harness as the models."""
