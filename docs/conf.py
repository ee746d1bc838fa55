"""The book, made by Sphinx from the pages of this folder: ``make book``, then build/book/index.html."""

from __future__ import annotations

import flatline

project = "flatline"
author = "the flatline authors"
release = version = flatline.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["generate.py", "transcript.py"]
html_theme = "furo"
# What is printed at a width of 100 fits beside the sidebar.
html_theme_options = {"light_css_variables": {"code-font-size": "74%"}}
html_title = f"flatline {release}"
# Pages link to sections of each other by the anchors that GitHub gives them.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
# The prompt and what is printed are not what a reader wants to paste.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
copybutton_only_copy_prompt_lines = True
autodoc_typehints = "description"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
# Files outside this folder (cases, examples) are copied into the book as downloads.
suppress_warnings = ["myst.xref_ambiguous"]
