using EdgeProxy.Tests.Support;

namespace EdgeProxy.Tests.EndToEnd;

/// <summary><c>deploy/setup_bluegreen.sh</c> and <c>deploy/uninstall.sh</c> where nginx has the ports.</summary>
[Collection(TakeOverCollection.Name)]
public sealed class SetupNginxTests
{
    private static readonly string[] _setup = [RecipeVps.Setup, "--health-path", RecipeVps.HealthPath];

    /// <summary>A socket of systemd's becomes two slots, and nobody who asks meanwhile is refused.</summary>
    [Fact]
    public async Task The_tutorials_server_moves_to_EdgeProxy_switches_and_moves_back()
    {
        await using var vps = await RecipeVps.StartBehindNginxAsync();
        var before = await vps.SnapshotAsync();

        var refused = await vps.Lab.RunAsync(_setup);
        Assert.True(refused.ExitCode == 2, $"{refused.ExitCode}: {refused.Output}{refused.Error}");
        Assert.Contains($"{RecipeVps.Home}/static (static files): EdgeProxy's user cannot read /home/sammy", refused.Error, StringComparison.Ordinal);
        Assert.EndsWith($"\nsudo {string.Join(' ', _setup)} --grant\n", refused.Error, StringComparison.Ordinal);
        Assert.Contains($"{RecipeVps.Host}: certbot renews it by what needs the ports", refused.Output, StringComparison.Ordinal);
        Assert.Contains("sudo chmod -x /etc/letsencrypt/renewal-hooks/deploy/reload", refused.Output, StringComparison.Ordinal);
        var told = await vps.RunAsync([.. _setup, "--grant", "--dry-run"]);
        Assert.Contains("try blue, made of gunicorn.service, on http://127.0.0.1:8000", told, StringComparison.Ordinal);
        Assert.Equal(before, await vps.SnapshotAsync());

        await VisitAsync(vps);
        var setup = await vps.RunAsync([.. _setup, "--grant"]);
        var moved = await LeaveAsync(vps);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("body { color: #123 }\n", await vps.ReadAsync($"https://{RecipeVps.Host}/static/site.css"));
        Assert.Equal("edgeproxy systemd", await ListenersAsync(vps));
        Assert.Equal($"PYTHON={RecipeVps.Home}/env/bin/python3", await vps.RunAsync("grep", "^PYTHON=", "/etc/edgeproxy/deploy.conf"));
        Assert.NotEqual(0, (await vps.Lab.RunAsync("systemctl", "restart", "gunicorn.service")).ExitCode);

        // As certbot does: the next key has the mode that the one before it shows.
        await vps.RunAsync("bash", "-c", $"""
            cd /etc/letsencrypt/archive/{RecipeVps.Host}
            (umask 077; cat privkey1.pem > privkey2.pem)
            chmod --reference privkey1.pem privkey2.pem
            runuser -u edgeproxy -- cat privkey2.pem
            rm privkey2.pem
            """);
        Assert.DoesNotContain("  write ", await vps.RunAsync([.. _setup, "--grant"]), StringComparison.Ordinal);
        Assert.Contains("Completed: blue -> green", await vps.RunAsync("edgeproxy", "switch"), StringComparison.Ordinal);

        await vps.SlowDownAsync("systemctl", "ss", "python3", "nginx");
        await VisitAsync(vps);
        var back = await vps.RunAsync(RecipeVps.InOddShell(RecipeVps.Uninstall, "--purge"));
        var movedBack = await LeaveAsync(vps);

        Figures.Report($"setup_bluegreen.sh from nginx: {Gaps(setup)}; back: {Gaps(back)}");
        Assert.All([.. moved, .. movedBack], visit => Assert.True(visit.IsGood, $"{visit}"));
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("nginx.real", await ListenersAsync(vps));
        Assert.Equal(Lasting(before), Lasting(await vps.SnapshotAsync()));
        await vps.RunAsync("systemctl", "reload", "nginx.service");
        await vps.RunAsync("systemctl", "restart", "nginx.service");
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));

        // A sandbox of nginx's in which it cannot take hold of EdgeProxy's sockets.
        await vps.RunAsync([.. _setup, "--grant"]);
        await vps.Lab.WriteUnitAsync("nginx.service.d/test.conf", "[Service]\nCapabilityBoundingSet=~CAP_SYS_PTRACE\n");
        Assert.Contains("the ports cannot be lent (", await vps.RunAsync(RecipeVps.Uninstall), StringComparison.Ordinal);
        Assert.Equal("200", await vps.AskAsync(RecipeVps.Health));
        Assert.Equal("nginx.real", await ListenersAsync(vps));
    }

    /// <summary>Each is tried beside what serves, and comes up well, or is refused with what to do.</summary>
    [Fact]
    public async Task Any_unit_that_comes_up_well_at_a_slots_address_becomes_two()
    {
        await using var vps = await RecipeVps.StartBehindNginxAsync();
        var gunicorn = $"{RecipeVps.Home}/env/bin/gunicorn";
        await vps.RunAsync("systemctl", "disable", "--now", "gunicorn.socket", "gunicorn.service");

        // Settings in its file, an environment that a shell enters, and the name of a template's instance.
        await vps.Lab.WriteFileAsync($"{RecipeVps.Home}/gunicorn.conf.py", "bind = '127.0.0.1:8005'\nworkers = 2\nthreads = 3\ngraceful_timeout = 200\n");
        await vps.Lab.WriteFileAsync(
            "/etc/systemd/system/shop@.service",
            Unit($"ExecStart=/bin/bash -c 'source env/bin/activate && exec gunicorn --name %i sample.wsgi'\n"));
        var told = await TryAsync(vps, "shop@de.service", "127.0.0.1:8005");
        Assert.Contains("try green, made of shop@de.service, on http://127.0.0.1:8105", told, StringComparison.Ordinal);
        Assert.Contains("exec gunicorn --bind 127.0.0.1:8105 --name de sample.wsgi", told, StringComparison.Ordinal);
        Assert.Contains("TimeoutStopSec=210", told, StringComparison.Ordinal);
        Assert.Contains("\"MaxConcurrent\": 6", told, StringComparison.Ordinal);
        Assert.Contains($"PYTHON={RecipeVps.Home}/env/bin/python\n", told, StringComparison.Ordinal);
        await vps.RunAsync("rm", $"{RecipeVps.Home}/gunicorn.conf.py");

        // A socket and a number in a directory of its own.
        await vps.Lab.WriteUnitAsync(
            "shop.service",
            Unit(
                "RuntimeDirectory=shop\nPIDFile=/run/shop/pid\n" +
                    $"ExecStart={gunicorn} --pid /run/shop/pid --umask 0 --bind unix:/run/shop/app.sock sample.wsgi\n"));
        told = await TryAsync(vps, "shop.service", "unix:/run/shop/app.sock");
        Assert.Contains("RuntimeDirectory=shop-green", told, StringComparison.Ordinal);
        Assert.Contains("--bind 127.0.0.1:8100 --pid /run/shop-green/pid-green", told, StringComparison.Ordinal);

        // A script.
        await vps.Lab.WriteFileAsync($"{RecipeVps.Home}/start.sh", $"#!/bin/bash\nexec {gunicorn} --bind 127.0.0.1:8006 sample.wsgi\n");
        await vps.RunAsync("chmod", "755", $"{RecipeVps.Home}/start.sh");
        await vps.Lab.WriteUnitAsync("shop.service", Unit($"ExecStart={RecipeVps.Home}/start.sh\n"));
        told = await TryAsync(vps, "shop.service", "127.0.0.1:8006", 2);
        var line = told.TrimEnd('\n').Split('\n')[^1];
        Assert.StartsWith("sudo sed -i ", line, StringComparison.Ordinal);
        await vps.RunAsync("bash", "-c", line.Split(" && ")[0].Replace("sudo ", "", StringComparison.Ordinal));
        told = await TryAsync(vps, "shop.service", "127.0.0.1:8006");
        Assert.Contains("try green, made of shop.service, on http://127.0.0.1:8106", told, StringComparison.Ordinal);

        // What listens elsewhere, too, would do so twice; that shows before anything is changed.
        await vps.Lab.WriteFileAsync(
            $"{RecipeVps.Home}/sample/twice.py",
            "import os\nimport socket\nfrom sample.wsgi import application  # noqa: F401\nif os.environ.get('ALSO'):\n" +
                "    also = socket.create_server(('127.0.0.1', 0))\n");
        await vps.Lab.WriteUnitAsync("shop.service", Unit($"Environment=ALSO=1\nExecStart={gunicorn} --bind 127.0.0.1:8007 sample.twice:application\n"));
        told = await TryAsync(vps, "shop.service", "127.0.0.1:8007", 2);
        Assert.Matches("green listens on http://127.0.0.1:[0-9]+, too, which two slots cannot share", told);

        // What does not come up says why.
        await vps.Lab.WriteUnitAsync(
            "shop.service",
            Unit($"ExecStart=/bin/sh -c '[ -e /run/started ] && exit 7; touch /run/started; exec {gunicorn} -b 127.0.0.1:8008 sample.wsgi'\n", "root"));
        told = await TryAsync(vps, "shop.service", "127.0.0.1:8008", 2);
        Assert.Contains("green does not respond to http://127.0.0.1:8108", told, StringComparison.Ordinal);
        Assert.Contains("status=7", told, StringComparison.Ordinal);

        await vps.Lab.WriteFileAsync(
            $"{RecipeVps.Home}/sample/asgi.py",
            "import os\nfrom django.core.asgi import get_asgi_application\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'sample.settings')\n" +
                "application = get_asgi_application()\n");
        foreach (var command in (string[])["uvicorn --port 8009", "daphne -p 8009", "gunicorn -k uvicorn.workers.UvicornWorker -b 127.0.0.1:8009"])
        {
            await vps.Lab.WriteUnitAsync("shop.service", Unit($"ExecStart=/usr/bin/{command} sample.asgi:application\n"));
            Assert.Contains("nothing is in the way", await TryAsync(vps, "shop.service", "127.0.0.1:8009"), StringComparison.Ordinal);
        }

        static string Unit(string lines, string user = "sammy") => $"[Service]\nUser={user}\nWorkingDirectory={RecipeVps.Home}\n{lines}";
    }

    /// <summary>What a dry run says where nginx sends to this unit.</summary>
    private static async Task<string> TryAsync(RecipeVps vps, string unit, string upstream, int exitCode = 0)
    {
        await vps.Lab.WriteFileAsync("/etc/nginx/sites-enabled/shop", RecipeVps.NginxSite(upstream));
        await vps.RunAsync("systemctl", "daemon-reload");
        await vps.RunAsync("systemctl", "reload", "nginx.service");
        await vps.RunAsync("systemctl", "start", unit);
        await Eventually.TrueAsync(async () => await vps.AskAsync(RecipeVps.Health) == "200", $"{unit} serves");
        var run = await vps.Lab.RunAsync([.. _setup, "--grant", "--dry-run"]);
        Assert.True(run.ExitCode == exitCode, $"{unit} at {upstream}: {run.ExitCode}: {run.Output}{run.Error}");
        Assert.Equal("", await vps.RunAsync("bash", "-c", "ls /run/systemd/system | grep edgeproxy || true"));
        await vps.RunAsync("systemctl", "stop", unit);
        return run.Output + run.Error;
    }

    private static async Task VisitAsync(RecipeVps vps)
    {
        await vps.StartClientsAsync("https", RecipeVps.Health);
        await vps.StartClientsAsync("http", $"http://{RecipeVps.Host}/");
        await vps.StartClientsAsync("slow", $"https://{RecipeVps.Host}/slow?ms=1500");
    }

    private static async Task<IReadOnlyList<Visit>> LeaveAsync(RecipeVps vps) =>
        [.. await vps.StopClientsAsync("https"), .. await vps.StopClientsAsync("http"), .. await vps.StopClientsAsync("slow")];

    private static Task<string> ListenersAsync(RecipeVps vps) =>
        vps.RunAsync("bash", "-c", "ss -ltnpH 'sport = :443' | grep -oE '\\(\"[^\"]+' | tr -d '(\"' | sort -u | paste -sd ' '");

    private static string Gaps(string output) =>
        string.Join("; ", output.Split('\n').Where(line => line.Contains("between two good responses", StringComparison.Ordinal)).Select(line => line.Trim()));

    /// <summary>Without processes, and what accounts leave that came and went.</summary>
    private static string Lasting(string snapshot) =>
        string.Join(
            '\n',
            snapshot.Split('\n').Where(
                line => !line.StartsWith("MainPID", StringComparison.Ordinal) && !line.StartsWith("app-server", StringComparison.Ordinal)));
}
