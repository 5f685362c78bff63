"""The first model becomes champion while the webhook is off, so that the gate has something to compare with. Afterwards
nothing is called: the version's tags tell which call and which run have decided.
"""

my_model = "my-cells"
client.update_webhook(hook.webhook_id, status="DISABLED")
weak = DecisionTreeClassifier(max_depth=1, random_state=seed).fit(X, y)
client.set_registered_model_alias(my_model, "champion", offer(my_model, weak, "weak"))
client.update_webhook(hook.webhook_id, status="ACTIVE")

my_version = offer(my_model, RandomForestClassifier(n_estimators=trees, random_state=seed).fit(X, y), "better")
moved = ("model_version_alias", my_model)
until(lambda: any((call["entity"], call["data"]["name"]) == moved for call in calls.values()))
until(lambda: "gate" in client.get_model_version(my_model, my_version).tags)
tags = client.get_model_version(my_model, my_version).tags
my_delivery, my_run = tags["delivery"], tags["gate_run"]
