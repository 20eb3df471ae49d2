"""The counted trial of the evidence lock: random patients, paraphrases, planted changes, counts."""
