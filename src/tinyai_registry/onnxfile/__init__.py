"""Reading an ONNX file: its protobuf, its weights wherever they lie, its scaler, and what a runtime takes of it."""
