"""The bundled networks against torchvision, against plain modules written from the papers, and against figures."""
