"""Will the index close higher tomorrow? The parts that the steps of this project, its lessons and its tests share."""
