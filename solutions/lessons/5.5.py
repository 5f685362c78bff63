"""The threshold rises in small steps, so the first one that is high enough still says true on some evenings. The
answers are those of the request with this threshold, and the server ends with the block.
"""

with wb.serve(f"models:/{model_name}/2") as endpoint:
    for my_threshold in (0.50, 0.51, 0.52, 0.53, 0.54, 0.55, 0.56, 0.57, 0.58, 0.59, 0.60):
        my_answers = ask(evenings.to_numpy(), threshold=my_threshold)
        print(f"{my_threshold:.2f} true on {sum(my_answers)} of {len(my_answers)} evenings")
        if sum(my_answers) <= len(my_answers) / 4:
            break
