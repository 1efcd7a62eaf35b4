"""How a server with OpenAI's interface is asked, and what is made of all that it may answer."""
