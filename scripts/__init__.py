"""What makes parts of the repository: styles, paintings, the gallery, tables. Nothing that ships imports it."""
