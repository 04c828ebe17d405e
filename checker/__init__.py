"""The specification language, the engines that check it, and the command line."""
