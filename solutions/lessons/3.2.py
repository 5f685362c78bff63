"""Both versions go the same way, so a loop leads first the one and then the other through Staging to Production.
`wb.transition` archives the version that is replaced, and each reason says what somebody would ask later.
"""

my_model = "my-wine-3-2"
for depth in (1, 2):
    tree = DecisionTreeClassifier(max_depth=depth, random_state=seed).fit(X_train, y_train)
    info = wb.log_model(tree, f"my-depth-{depth}", example=X_test.head(3))
    my_version = wb.register(info.model_uri, my_model).version
    wb.transition(my_model, my_version, "Staging", why=f"Depth {depth}, to be tried.")
    score = tree.score(X_test, y_test)
    wb.transition(my_model, my_version, "Production", why=f"Right on {score:.0%} of the test rows.")
