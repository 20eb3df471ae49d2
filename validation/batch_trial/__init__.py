"""Trials of the batch on generated exports: kills, throughput, memory; ``python -m`` runs them."""
