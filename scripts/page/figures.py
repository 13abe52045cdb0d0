"""x"""
def figures(*a): return {}
