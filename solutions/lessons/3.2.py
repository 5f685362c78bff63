"""Both versions go the same way, so a loop leads first the one and then the other to Staging and on to Production.
Whoever holds the alias before is archived, and each reason says what somebody would ask later.
"""

my_model = "my-wine-3-2"
for depth in (1, 2):
    mine = register(depth, my_model)
    accuracy = mlflow.get_run(mine.run_id).data.metrics["accuracy"]
    client.set_registered_model_alias(my_model, "staging", mine.version)
    client.set_model_version_tag(my_model, mine.version, "stage", "Staging")

    before = client.get_registered_model(my_model).aliases.get("production")
    client.delete_registered_model_alias(my_model, "staging")
    client.set_registered_model_alias(my_model, "production", mine.version)
    client.set_model_version_tag(my_model, mine.version, "stage", "Production")
    client.set_model_version_tag(my_model, mine.version, "why", f"Right on {accuracy:.0%} of the test rows.")
    if before is not None:
        client.set_model_version_tag(my_model, mine.version, "replaces", before)
        client.set_model_version_tag(my_model, before, "stage", "Archived")
        client.set_model_version_tag(my_model, before, "why", f"Replaced by version {mine.version}.")
