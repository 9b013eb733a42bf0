"""What is asked: samples become cases of the runner, and what is known of them beforehand."""
