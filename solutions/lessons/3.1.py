"""The number of the version is taken from what `register_model` returns, so the code is also right when the name has
versions already. The filter names the model and the tag with its value, so it finds no version of another model.
"""

my_model = "my-wine-3-1"
mlflow.register_model(stored.model_uri, my_model)
my_version = mlflow.register_model(stored_tree.model_uri, my_model).version
client.update_model_version(my_model, my_version, description="A tree that fits on a page.")
client.set_model_version_tag(my_model, my_version, "purpose", "explain")

my_filter = f"name = '{my_model}' AND tags.purpose = 'explain'"
print([found.version for found in mlflow.search_model_versions(filter_string=my_filter)])
