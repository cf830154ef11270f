"""Where else a search is told of while it runs: TensorBoard, MLflow. None of them can stop it."""
