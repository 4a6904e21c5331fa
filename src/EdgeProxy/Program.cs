return await EdgeProxy.Cli.EdgeProxyCommand.InvokeAsync(args);

public partial class Program;
