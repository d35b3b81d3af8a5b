"""The real-time inbox: each event of a workspace to everybody who follows it, in order, none missed and none twice."""
