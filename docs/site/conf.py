"""The site: lessons with their stored outputs, exercises, guides and the reference of `wb`. Built by `make site`."""

from importlib.resources import files

project = author = html_title = "The MLflow workbook"

extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinxcontrib.mermaid"]
root_doc = "docs/site/index"
html_additional_pages = {"index": "to_home.html"}
templates_path = ["templates"]
include_patterns = ["docs/**", "notebooks/**", "README.md", "CONTRIBUTING.md", "CHANGELOG.md"]
exclude_patterns = ["notebooks/solutions/**", "**/.ipynb_checkpoints"]
html_copy_source = False

nb_execution_mode = "off"  # the tests have executed them
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "text/html", 5)]  # cards and tables, where an output has them
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

mermaid_use_local = "draw.js"
html_theme = "sphinx_book_theme"
html_static_path = ["_static", str(files("mermaidx") / "assets" / "mermaid.js")]
html_css_files = ["site.css"]
html_favicon = "../../mlworkbench/lab/mlflow.svg"
html_context = {"default_mode": "auto"}
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "navbar_persistent": [],
}

autodoc_member_order = "alphabetical"
autodoc_typehints = "none"  # numpydoc's sections have them
numpydoc_show_class_members = False
