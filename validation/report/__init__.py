"""A validation run as JSON, Markdown and one HTML page; what moved since an earlier one; numbers of the model cards."""
