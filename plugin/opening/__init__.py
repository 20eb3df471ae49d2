"""Opening: what is in a folder, how much memory it takes, thumbnails, refused series slice by slice, recent studies."""
