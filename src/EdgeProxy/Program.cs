return args is [EdgeProxy.Units.Process.ExecChild.Verb, "--parent", var parent, "--", .. var command]
    ? EdgeProxy.Units.Process.ExecChild.Run(int.Parse(parent, System.Globalization.CultureInfo.InvariantCulture), command)
    : 0;

public partial class Program;
