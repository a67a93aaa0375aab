"""The web page: a Gradio chat mounted in FastAPI. Translates between people and the façade."""
