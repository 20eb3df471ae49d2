"""Text to tokens, by the lexer of its language."""

from __future__ import annotations

from tomoscribe.reports.lock.token import Token
from tomoscribe.reports.writer.language import check_language


def tokens(text: str, language: str) -> tuple[Token, ...]:
    """The tokens of a text, neutral words included; unknown words have kind None.

    Raises:
        ConfigError: the lock does not read this language.
    """
    if check_language(language) == "zh":
        from tomoscribe.reports.lock.lexer_zh import chinese_tokens

        return chinese_tokens(text)
    from tomoscribe.reports.lock.lexer_en import english_tokens

    return english_tokens(text)
