"""The web page: a Gradio app mounted in FastAPI that translates between people and the façade."""
