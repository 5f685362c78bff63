"""The first version needs no gate, since nobody is in production; the second is compared with it on rows that neither
has seen. `wb.rollback` reads in the trail who was in production before, so you give a reason and no version.
"""

my_model = "my-cells-3-3"
weak = wb.log_model(champion, "weak", example=X.head(3))
weak_version = wb.register(weak.model_uri, my_model).version
wb.promote(my_model, weak_version, why="The first that works.")

good_version = wb.register(stored_forest.model_uri, my_model).version
reason = f"Recall {recall['now']:.2f} on the held-out rows, {recall['before']:.2f} before."
wb.promote(my_model, good_version, gate=gate, why=reason)
wb.rollback(my_model, why="Its answers came too late.")
