"""An example with a gap in `day` makes this column `double`, which can hold the gap; all three columns stay required.
The second part of the example tells the parameter and its default.
"""

patient_rides = wb.log_model(Rides(), "patient_rides", example=(gap, {"per_degree": per_degree}))

my_model_uri = patient_rides.model_uri
