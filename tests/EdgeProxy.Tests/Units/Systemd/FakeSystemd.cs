using EdgeProxy.Tests.Support;
using Tmds.DBus.Protocol;

namespace EdgeProxy.Tests.Units.Systemd;

/// <summary>Has systemd's name on a private bus and one unit that is active: for replies and signals that the real one never sends.</summary>
internal sealed class FakeSystemd : IPathMethodHandler, IDisposable
{
    private const string Unit = "/org/freedesktop/systemd1/unit/fake_2eservice";
    private const string Job = "/org/freedesktop/systemd1/job/7";

    private readonly DBusConnection _bus;

    private FakeSystemd(string address) => _bus = new DBusConnection(address);

    public string Path => "/org/freedesktop/systemd1";

    public bool HandlesChildPaths => true;

    /// <summary>LoadUnit replies with a string in place of an object path.</summary>
    public bool RepliesWithOtherTypes { get; set; }

    public static async Task<FakeSystemd> StartAsync(PrivateBus bus)
    {
        var systemd = new FakeSystemd(bus.Address);
        await OwnNameAsync().Within();
        return systemd;

        async Task OwnNameAsync()
        {
            await systemd._bus.ConnectAsync();
            systemd._bus.AddMethodHandler(systemd);
            await systemd._bus.RequestNameAsync("org.freedesktop.systemd1", RequestNameOptions.None);
        }
    }

    public ValueTask HandleMethodAsync(MethodContext context)
    {
        switch (context.Request.MemberAsString)
        {
            case "Subscribe":
                Reply(context, null, static (ref _) => { });
                break;
            case "LoadUnit" when RepliesWithOtherTypes:
                Reply(context, "s", static (ref writer) => writer.WriteString("not a path"));
                break;
            case "LoadUnit":
                Reply(context, "o", static (ref writer) => writer.WriteObjectPath(Unit));
                break;
            case "GetAll":
                Reply(context, "a{sv}", static (ref writer) => writer.WriteDictionary(new Dictionary<string, VariantValue>
                {
                    ["LoadState"] = "loaded",
                    ["ActiveState"] = "active",
                    ["SubState"] = "running",
                    ["Restart"] = "no",
                    ["ExecStart"] = VariantValue.Array(new[] { "/bin/true", "--with", "arguments" }),
                }));
                break;
            case "StartUnit":
                Reply(context, "o", static (ref writer) => writer.WriteObjectPath(Job));
                SendJobRemoved();
                break;
            case "Get":
                context.ReplyError("org.freedesktop.DBus.Error.UnknownObject", "no such job");
                break;
        }

        return ValueTask.CompletedTask;
    }

    public void Dispose() => _bus.Dispose();

    /// <summary>The real one has a number and an object path, and then two strings.</summary>
    private void SendJobRemoved()
    {
        using var writer = _bus.GetMessageWriter();
        writer.WriteSignalHeader(null, Path, "org.freedesktop.systemd1.Manager", "JobRemoved", "s");
        writer.WriteString(Job);
        _bus.TrySendMessage(writer.CreateMessage());
    }

    private delegate void Body(ref MessageWriter writer);

    private static void Reply(MethodContext context, string? signature, Body write)
    {
        var writer = context.CreateReplyWriter(signature); // not "using": such a variable cannot be passed by reference
        try
        {
            write(ref writer);
            context.Reply(writer.CreateMessage());
        }
        finally
        {
            writer.Dispose();
        }
    }
}
