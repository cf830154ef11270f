"""Trackers that follow a search while it runs: TensorBoard, MLflow. None of them can stop it."""
