"""What mypy must object to, line by line."""

import latkit

lab = latkit.Lab()
lab.measure("local", n="many")  # error: [arg-type]
lab.measure("local", treads=2)  # error: [call-arg]
lab.measure("local", precision="fp64")  # error: [arg-type]
lab.predict(3, "local")  # error: [arg-type]
lab.predict("a", "local").median_ms  # error: [attr-defined]
latkit.Predict  # error: [attr-defined]
