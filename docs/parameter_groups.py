"""Groups the parameters of an estimator on its page: code, network, training, data."""

from docutils import nodes
from sphinx import addnodes

GROUPS = {
    "Code": """encoding_dim code_activation bottleneck l1_activity beta whiten
        nested_dropout""",
    "Network": """network hidden_layer_sizes activation filters kernel_size downsampling
        batch_normalization units n_layers cell bidirectional init""",
    "Training": """loss kl_warmup optimizer learning_rate learning_rate_schedule
        batch_size epochs validation_fraction early_stopping patience callbacks
        warm_start random_state verbose""",
    "Data": """missing_values image_shape sequence_shape corruption noise_scale clip
        corruption_rate""",
}
GROUP_OF = {name: group for group, names in GROUPS.items() for name in names.split()}
OTHERS = "Of this estimator"
FIRST = "encoding_dim"  # what the constructor of an estimator begins with


def setup(app):
    """Have Sphinx call `group_parameters` for each page that it has read."""
    app.connect("doctree-read", group_parameters)
    return {"parallel_read_safe": True}


def group_parameters(app, page):
    """Put the constructor's parameters under headings, each in its given order."""
    for listed in list(page.findall(nodes.definition_list)):
        if is_of_constructor(listed):
            parts = [
                part
                for group in (*GROUPS, OTHERS)
                if (items := members(listed, group))
                for part in headed(group, items)
            ]
            listed.replace_self(parts)


def headed(group, items):
    """Return a heading, and below it a list of the items."""
    return nodes.rubric(text=group), nodes.definition_list("", *items)


def is_of_constructor(listed):
    """Tell whether a list has the parameters of an estimator's class."""
    field = listed.parent.parent
    if not isinstance(field, nodes.field) or field[0].astext() != "Parameters":
        return False
    described = field.parent.parent.parent
    is_class = isinstance(described, addnodes.desc) and described["objtype"] == "class"
    return is_class and name_of(listed[0]) == FIRST


def members(listed, group):
    """Return the items of a group."""
    return [item for item in listed if GROUP_OF.get(name_of(item), OTHERS) == group]


def name_of(item):
    """Return the name of the parameter that an item describes."""
    return next(item[0].findall(nodes.strong)).astext()
