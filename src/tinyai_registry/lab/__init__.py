"""Where numbers are made. The only place that imports pandas, pyarrow, scipy, torch, onnxruntime or onnxsim."""
