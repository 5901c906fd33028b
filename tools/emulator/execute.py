def prove(template, objects, template_file, say):
    return []
