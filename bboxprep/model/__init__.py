"""What a labelled dataset is: frozen, columnar, lazy data and checks of its values. No files, no pixels."""
