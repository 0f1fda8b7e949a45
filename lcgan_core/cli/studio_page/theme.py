"""Colours and fonts of the page, light and dark: those of the report."""

from __future__ import annotations

import gradio as gr

# System fonts: the page loads nothing from the network.
FONTS = [gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")]
MONO = [gr.themes.Font("ui-monospace"), gr.themes.Font("monospace")]

INK, QUIET, LINE, PAPER, CARD = "#1f2328", "#59636e", "#d1d9e0", "#ffffff", "#f6f8fa"
DARK_INK, DARK_QUIET, DARK_LINE, DARK_PAPER, DARK_CARD = "#e6edf3", "#9198a1", "#3d444d", "#0d1117", "#151b23"
ACCENT, ACCENT_HOVER, ACCENT_SOFT = "#0a7d6f", "#08695d", "#d5efe9"
DARK_ACCENT, DARK_ACCENT_SOFT = "#4fd1bd", "#10433c"

THEME = gr.themes.Base(primary_hue="teal", neutral_hue="slate", radius_size="lg", font=FONTS, font_mono=MONO).set(
    body_background_fill=PAPER,
    body_background_fill_dark=DARK_PAPER,
    body_text_color=INK,
    body_text_color_dark=DARK_INK,
    body_text_color_subdued=QUIET,
    body_text_color_subdued_dark=DARK_QUIET,
    background_fill_primary=PAPER,
    background_fill_primary_dark=DARK_PAPER,
    background_fill_secondary=CARD,
    background_fill_secondary_dark=DARK_CARD,
    border_color_primary=LINE,
    border_color_primary_dark=DARK_LINE,
    block_background_fill=PAPER,
    block_background_fill_dark=DARK_CARD,
    block_border_color=LINE,
    block_border_color_dark=DARK_LINE,
    input_background_fill=PAPER,
    input_background_fill_dark=DARK_PAPER,
    block_label_text_color=QUIET,
    block_label_text_color_dark=DARK_QUIET,
    block_title_text_color=INK,
    block_title_text_color_dark=DARK_INK,
    block_info_text_color=QUIET,
    block_info_text_color_dark=DARK_QUIET,
    color_accent=ACCENT,
    color_accent_soft=ACCENT_SOFT,
    color_accent_soft_dark=DARK_ACCENT_SOFT,
    link_text_color=ACCENT,
    link_text_color_dark=DARK_ACCENT,
    slider_color=ACCENT,
    slider_color_dark=DARK_ACCENT,
    button_primary_background_fill=ACCENT,
    button_primary_background_fill_dark=ACCENT,
    button_primary_background_fill_hover=ACCENT_HOVER,
    button_primary_background_fill_hover_dark=ACCENT_HOVER,
    button_primary_border_color=ACCENT,
    button_primary_border_color_dark=ACCENT,
    button_primary_text_color="#ffffff",
    button_primary_text_color_dark="#ffffff",
    button_secondary_background_fill=PAPER,
    button_secondary_background_fill_dark=DARK_CARD,
    button_secondary_background_fill_hover=CARD,
    button_secondary_background_fill_hover_dark=DARK_LINE,
    button_secondary_border_color=LINE,
    button_secondary_border_color_dark=DARK_LINE,
    button_secondary_text_color=INK,
    button_secondary_text_color_dark=DARK_INK,
    button_border_width="1px",
)
