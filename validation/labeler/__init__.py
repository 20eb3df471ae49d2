"""What a report's text says of each class of finding: present, absent, uncertain or nothing. English and Chinese."""

from tomoscribe.validation.labeler.label import Status, label_report, label_sentence, narrow

__all__ = ["Status", "label_report", "label_sentence", "narrow"]
