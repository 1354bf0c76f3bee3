"""What a topology file may say about Swarm, in the words of Compose."""
