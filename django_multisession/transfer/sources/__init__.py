"""Adapters for the engines that sessions can come from: one module for each kind of engine."""
