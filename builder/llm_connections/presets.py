"""Providers that speak the OpenAI-compatible API, as a starting point for a connection."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Preset:
    """needs_key: whether the provider answers without one; structured_output: what its models are known to take."""

    slug: str
    title: str
    base_url: str
    models: tuple[str, ...]
    needs_key: bool = True
    structured_output: str = "auto"
    hint: str = ""


PRESETS: dict[str, Preset] = {
    preset.slug: preset
    for preset in (
        Preset(
            "openai",
            "OpenAI",
            "https://api.openai.com/v1",
            ("gpt-5-mini", "gpt-5", "gpt-4.1-mini"),
            structured_output="json_schema",
            hint="Make a key under API keys in the OpenAI dashboard.",
        ),
        Preset(
            "gemini",
            "Google Gemini",
            "https://generativelanguage.googleapis.com/v1beta/openai/",
            ("gemini-2.5-flash", "gemini-2.5-pro"),
            hint="Make a key in Google AI Studio.",
        ),
        Preset(
            "deepseek",
            "DeepSeek",
            "https://api.deepseek.com/v1",
            ("deepseek-chat",),
            structured_output="json_mode",
            hint="Make a key on the DeepSeek platform.",
        ),
        Preset(
            "ollama",
            "Ollama (your own machine)",
            "http://127.0.0.1:11434/v1",
            ("llama3.2",),
            needs_key=False,
            hint="No key needed. The installation must allow this address (PATCHBAY_OUTBOUND_ALLOW).",
        ),
        Preset(
            "other",
            "Other OpenAI-compatible address",
            "",
            (),
            needs_key=False,
            hint="Any server that offers /chat/completions.",
        ),
    )
}
