using System.Text.Json;
using EdgeProxy.Settings;

namespace EdgeProxy.Demo;

/// <summary>The settings of a demo: loopback only, child processes, everything that is written in one temporary directory.</summary>
/// <param name="Directory">Exists; holds settings, state, socket and token.</param>
/// <param name="Port">The public port.</param>
/// <param name="AdminPort">The admin port.</param>
/// <param name="BluePort">Of the blue slot.</param>
/// <param name="GreenPort">Of the green slot.</param>
/// <param name="Command">What runs in a slot: <c>EdgeProxy:Units:Process:Command</c>.</param>
internal sealed record DemoSettings(string Directory, int Port, int AdminPort, int BluePort, int GreenPort, string Command)
{
    public string PublicUrl => $"http://127.0.0.1:{Port}";

    public string AdminUrl => $"http://127.0.0.1:{AdminPort}";

    public string Socket => Path.Combine(Directory, "admin.sock");

    public string TokenFile => Path.Combine(Directory, "admin.token");

    /// <summary>Writes the file and loads it as <c>run</c> does, but blind to the environment: a demo is the same everywhere.</summary>
    public EdgeProxySettings WriteAndLoad()
    {
        var file = Path.Combine(Directory, "appsettings.json");
        File.WriteAllText(file, ToJson());
        return SettingsLoader.Load([file], environmentPrefix: "EDGEPROXY_DEMO_");
    }

    private string ToJson() => $$"""
        {
          "Kestrel": { "Endpoints": { "Http": { "Url": "{{PublicUrl}}" } } },
          "Logging": { "LogLevel": { "Default": "Warning", "EdgeProxy.Units.Process": "Error" } },
          "EdgeProxy": {
            "Slots": {
              "Blue": { "Address": "http://127.0.0.1:{{BluePort}}" },
              "Green": { "Address": "http://127.0.0.1:{{GreenPort}}" }
            },
            "Units": { "Manager": "Process", "Process": { "Command": {{Text(Command)}}, "WorkingDirectory": {{Text(Directory)}} } },
            "Health": { "Path": "/healthz" },
            "Switch": { "Observe": "00:00:00" },
            "Admin": { "Socket": {{Text(Socket)}}, "Url": "{{AdminUrl}}", "TokenFile": {{Text(TokenFile)}} },
            "State": { "Directory": {{Text(Path.Combine(Directory, "state"))}} },
            "AccessLog": { "Format": "None" }
          }
        }
        """;

    private static string Text(string value) => JsonSerializer.Serialize(value, DemoJson.Default.String);
}
