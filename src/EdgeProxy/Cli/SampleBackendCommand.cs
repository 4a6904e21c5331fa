using System.CommandLine;
using System.Net;
using EdgeProxy.Common;
using EdgeProxy.Demo;
using EdgeProxy.Slots;

namespace EdgeProxy.Cli;

/// <summary>The hidden verb that runs <see cref="SampleBackend"/>.</summary>
internal static class SampleBackendCommand
{
    public static Command Create()
    {
        var port = new Option<int?>("--port") { Description = "A TCP port of 127.0.0.1" };
        var socket = new Option<string?>("--socket") { Description = "A Unix socket" };
        var slot = new Option<string>("--slot") { Description = "What it calls itself", DefaultValueFactory = _ => "blue" };
        slot.AcceptOnlyFromAmong("blue", "green");
        var command = new Command(SampleBackend.Verb, "A small app to put behind the proxy") { port, socket, slot };
        command.Hidden = true;
        command.Validators.Add(result =>
        {
            if (result.GetValue(port) is null == result.GetValue(socket) is null)
            {
                result.AddError("--port or --socket is needed, one of them");
            }
        });
        command.SetAction(async (parsed, cancellationToken) =>
        {
            _ = SlotNameExtensions.TryParse(parsed.GetValue(slot), out var name);
            await using var app = SampleBackend.Build(name, kestrel =>
            {
                if (parsed.GetValue(socket) is { } path)
                {
                    File.Delete(path); // of an earlier run; a bound one would make the bind fail
                    kestrel.ListenUnixSocket(path);
                }
                else
                {
                    kestrel.Listen(IPAddress.Loopback, parsed.GetValue(port)!.Value);
                }
            });
            await app.StartAsync(cancellationToken);
            await parsed.InvocationConfiguration.Output.WriteLineAsync($"sample backend {name.ToKey()} listens on {string.Join(", ", app.Urls)}");
            await app.WaitForShutdownAsync(cancellationToken);
            return ExitCode.Done;
        });
        return command;
    }
}
